"""`trainer compare` of runs that find objects, tell which of them stay, or which clips: one page, a section a question.

measured            what a run is measured on: its own test, and what `trainer objects --out` left beside it
targets             what is asked of a figure, and the words for what became of it
finding, following, deciding, attention, saving, clips    a section each: tables beside controls, and their targets
pictures, page      the page, its pictures, the same as JSON
"""
