"""Third parties that talk to Tauro: one module each, strangers to each other.

``from tauro.integrations import xgboost`` imports the module and with it XGBoost; importing this
package imports none of them, so it has no names of its own.
"""

__all__: list[str] = []
