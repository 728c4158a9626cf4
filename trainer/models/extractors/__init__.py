"""The registry of feature extractors: a new one is one file and one line."""

from trainer.models.extractor import FeatureExtractor
from trainer.models.extractors.keypoint import KeypointExtractor
from trainer.models.extractors.transformer import TransformerExtractor

EXTRACTORS: dict[str, type[FeatureExtractor]] = {
    "keypoint": KeypointExtractor,
    "transformer": TransformerExtractor,
}
