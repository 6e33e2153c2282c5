"""What the words on the page mean."""

WORDS = (
    (
        "SRCC",
        "Spearman's rank correlation of scores and labels. 1: the model puts the pictures in "
        "the same order as the labels; 0: no relation; −1: the opposite order.",
    ),
    (
        "KRCC",
        "Kendall's rank correlation: the share of pairs of pictures put in the labels' order, "
        "less the share put the other way round.",
    ),
    (
        "PLCC, PLCC logistic",
        "Pearson's correlation: how close to a straight line scores and labels lie. Logistic: "
        "after fitting a four-parameter curve from scores to labels.",
    ),
    ("RMSE", "The typical distance from a fitted score to its label, in units of the label."),
    (
        "Interval, as [.812, .934]",
        "Where the number could lie had other scenes been photographed, with 95 % confidence. "
        "The note under a table says how it was made.",
    ),
    (
        "Pseudo-label",
        "A label that was computed, as by other quality metrics, not given by people. Agreement "
        "with it says nothing yet about agreement with people.",
    ),
    (
        "Circular",
        "The model, or a close relative of it, helped to make these labels. Its number is shown "
        "and not ranked.",
    ),
    (
        "Incomplete (n of N)",
        "Only n of the dataset's N pictures could be used, most often because files are missing. "
        "The number is about these; a share of labels is a share of all N.",
    ),
    (
        "AUC different/similar, AUC better/worse, right order",
        "Krasula's analysis: how well a difference of scores tells whether people see one, how "
        "well its sign tells which picture they prefer, and how often that sign is right. "
        "Chance is 0.5.",
    ),
    (
        "Control",
        "A yardstick that knows nothing about quality, such as mean luminance or an untrained "
        "network. What does not beat it has shown nothing.",
    ),
    (
        "Few contents (n)",
        "A content is the scene that a picture shows. With fewer than 20 of them an order of "
        "models is no finding, and nothing is called significant.",
    ),
    (
        "Contamination",
        "The most that the model is known to have met of this dataset in training: none, "
        "content (the scenes), images, labels; unknown where nothing is declared.",
    ),
    ("N", "Samples that were scored, of those that should have been."),
    (
        "NR, FR, PAIR",
        "No reference: the model sees the picture alone. Full reference: it sees the pristine "
        "picture too. Pair: it compares any two.",
    ),
    (
        "Linear probe",
        "Ridge regression from a model's frozen features to the labels, always tested on scenes "
        "that it was not fitted on.",
    ),
    (
        "SD over splits, ±",
        "How much the number changes from one random split of the data to the next, as a "
        "standard deviation. It is no interval.",
    ),
    (
        "Data efficiency",
        "How a model fares that is fitted on a small share of the labels only, its head (linear "
        "probe) or all of it: the less it needs, the more it knows already.",
    ),
    (
        "Fine-tune",
        "The model itself is fitted on the training part of each split, and asked about its test "
        "part. Pooled: over the predictions of all folds together, each of a fit of its own.",
    ),
    (
        "Cross-dataset",
        "A linear probe fitted on all of one dataset and tested on another, whose pictures and "
        "labels it has never met.",
    ),
    (
        "Local, global",
        "Damage of a part of the picture, such as a block of another color, or of the whole "
        "frame. Pair accuracy: of two patches of one picture, how often the better one has the "
        "better score; 0.5 is chance.",
    ),
    (
        "Published",
        "The value that stands in print, beside what was measured here; the note under the "
        "table names the source.",
    ),
    (
        "Response",
        "How far a model's score falls from the pristine picture to the damaged one, on "
        "average, in standard deviations of that model's scores. Negative: the score rises.",
    ),
    (
        "Response ratio",
        "The response to damage of a part, divided by the response to the same damage of the "
        "whole frame. 1: its extent makes no difference.",
    ),
    (
        "Detected, false alarms",
        "A damage is detected where it moves the score further than 95 % of the harmless changes "
        "(dither, a shift by one pixel, a light compression) do on other scenes. False alarms: how "
        "often a harmless change passes for a damage.",
    ),
    (
        "Threshold, as 0.12, < 1/64, never",
        "The part of the picture that must be damaged for 75 % to be detected: less than the "
        "smallest part tested, or more than the whole frame, are answers, too.",
    ),
    (
        "LSI, localized sensitivity index",
        "How much of the full-frame drop is left when a part is damaged, averaged over areas. "
        "0.25: the drop shrinks with the area; 1: its extent makes no difference. Worth reading "
        "only of a model that detects.",
    ),
    (
        "Not measured",
        "The model was skipped or failed, for the reason that is given. Where a command is "
        "given, it gets what is missing.",
    ),
)
