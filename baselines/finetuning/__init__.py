"""Models that are fitted on the training part of each split: the student, the loop, the control."""
