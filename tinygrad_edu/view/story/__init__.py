"""A derivation as a story: forward, backward and algebra as one ordered list of frames.

Plain data and nothing that is drawn: what each frame says, and which vertices and edges of which
drawing it shows. A drawing is one graph, laid out once, so that what stays from frame to frame
stays where it is.
"""

from .frames import Frame, Node, Phase, Scene, Story
from .tell import story

__all__ = ["Frame", "Node", "Phase", "Scene", "Story", "story"]
