"""Two questions about records, answered: is A better than B, and why is a number not the paper's.

``compare`` and ``explain`` are what ``iqa-eval results`` prints of them; ``versus`` and ``effects``
hold the tests behind the first, ``numbers`` and ``reasons`` the facts behind the second.
"""
