"""Small inputs and expected results of the metric."""

test_cases = [
    {
        "predictions": [[0.9, 0.1], [0.2, 0.7]],
        "references": [[0], [0]],
        "tasks": ["3A", "3A"],
        "groups": ["seen", "unseen"],
        "result": {"3A": 0.5, "3A_chance": 0.5, "3A_n": 2, "3A_seen": 1.0, "3A_unseen": 0.0},
    },
    {
        "predictions": [[0.6, 0.5, 0.7, 0.8], [0.6, 0.5, 0.7, 0.8], [0.6, 0.5, 0.7, 0.8], [0.2, 0.1, 0.3]],
        "references": [[0, 3], [0, 3], [0, 3], [2]],
        "tasks": ["4A", "4B", "4C", "4D"],
        "result": {"4A": 1.0, "4B": 0.0, "4C": 0.0, "4D": 1.0, "task4": 0.5, "task4_n": 4},
    },
    {
        "predictions": [[0.5, 0.5], [0.5, 0.5]],
        "references": [[0], [1]],
        "tasks": ["3A", "3B"],
        "result": {"3A": 0.0, "3B": 0.0},
    },
    {
        "predictions": [[0.9, 0.2, 0.8, 0.1]] * 6 + [[0.9, 0.8, 0.7, 0.1]],
        "references": [[0, 2]] * 7,
        "tasks": ["6A", "6B", "6C", "6D", "6E", "6F", "6G"],
        "result": {
            "6A": 1.0,
            "6G": 0.0,
            "task6": 6 / 7,
            "robustness": 6 / 7,
            "robustness_chance": 1 / 6,
            "task6_n": 7,
        },
    },
]
