"""Search a folder of recordings by text or by sound, and tell what happens when in one of them."""
