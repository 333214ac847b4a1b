"""Augmentation of line images, on the device, by line."""
