"""Read a Hugging Face ``config.json`` into a Model. A family is a row of a table, not a class; nothing is guessed."""

from roofline.huggingface.build import model_from_config, supported_architectures
from roofline.huggingface.reader import ConfigError

__all__ = ["ConfigError", "model_from_config", "supported_architectures"]
