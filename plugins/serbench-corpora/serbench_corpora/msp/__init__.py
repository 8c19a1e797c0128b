"""Read the corpora of the Multimodal Signal Processing lab: MSP-IMPROV and MSP-Podcast."""
