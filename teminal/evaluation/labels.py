"""What the sub-tasks and means of ZSTE are called in tables and pictures: no code stands alone."""

from eval.zste.zste import TASKS

LABELS = {
    "1A": "one sound, as recorded (1A)",
    "1B": "one sound, in silence (1B)",
    "task1": "mean of task 1",
    "2A": "both of two overlaid sounds (2A)",
    "2B": "one of two overlaid sounds (2B)",
    "2C": "both sounds of a sequence (2C)",
    "2D": "one sound of a sequence (2D)",
    "task2": "mean of task 2",
    "3A": "order, said with “before” (3A)",
    "3B": "order, said with “after” (3B)",
    "3C": "before, after or while (3C)",
    "3D": "all four statements of order (3D)",
    "task3": "mean of task 3",
    "4A": "two audios pick their captions (4A)",
    "4B": "two captions pick their audios (4B)",
    "4C": "both picks right (4C)",
    "4D": "one of all statements (4D)",
    "task4": "mean of task 4",
    "5A": "order, held-out phrase (5A)",
    "5B": "before, after or while, held-out (5B)",
    "5C": "order, held-out sentence (5C)",
    "5D": "order of three sounds (5D)",
    "task5": "mean of task 5",
    "recognition": "recognition: tasks 1 and 2",
    "temporal": "temporal: tasks 3, 4 and 5",
    "zste": "ZSTE: all tasks",
    "control_3A": "“before”, audios permuted: must be chance (control_3A)",
    "control_3B": "“after”, audios permuted: must be chance (control_3B)",
    "control_3C": "before, after or while, audios permuted: must be chance (control_3C)",
}
BLOCKS = [[*subtasks, mean] for mean, subtasks in TASKS.items()] + [["recognition", "temporal", "zste"]]
ROWS = [key for block in BLOCKS for key in block]
LEGEND = (
    "Accuracy in % with 95 % bootstrap interval over scenes; ties lose. Codes are ZSTE's sub-tasks: tasks 1 and 2 ask "
    "which sounds are heard, 3 to 5 in what order, 5 in words never trained on."
)
