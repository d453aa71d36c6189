"""Contract suites, fakes and strategies for those who extend Tauro."""
