"""The model behind LitServe: `python _serving_litserve.py MODEL.joblib PORT`, in its environment.

A file of its own, as LitServe starts processes that import the class anew. It looks at annotations
to know what a request is; without any it is the body's JSON.
"""

import sys
from typing import Any

import joblib
import litserve
import pandas as pd


class Api(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = joblib.load(sys.argv[1])

    def decode_request(self, request):
        return request["samples"][0]

    def batch(self, inputs: Any) -> Any:
        return pd.DataFrame(inputs)

    def predict(self, x: Any) -> Any:
        return self.model.predict(x).tolist()

    def unbatch(self, output: Any) -> Any:
        return output

    def encode_response(self, output: Any) -> Any:
        return {"predictions": [output]}


if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.002)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(port=int(sys.argv[2]), log_level="warning", generate_client_file=False)
