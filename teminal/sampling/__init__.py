"""Draw compositions for datasets, training and ZSTE; each draw depends only on its arguments and seed."""
