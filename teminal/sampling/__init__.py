"""Draw compositions: for datasets, for training and for ZSTE; each draw depends on its arguments and seed alone."""
