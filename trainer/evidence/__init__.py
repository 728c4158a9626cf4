"""Test-first work, shown by files that anybody can check.

    recording    one phase: what must be there before, the tests, the verdict, the file
    judging      what red, green and refactor must show
    running      pytest in a process of its own              junit        its report
    sources      what a test says, whatever its layout       repository   commit and content of a worktree
    coverage     how much of the component was run           page         coverage's own pages as one file
    naming       which files are a component's               redaction    what an output must not tell
    folder       where the files of evidence lie
    proving      the verdict over all of it, and over runs   runs         gates and controls of finished runs

What a file says, and which may follow on which, is in `wire.evidence` and `wire.evidence_order`, for the laptop reads
them too. `trainer.tdd` and `trainer.prove` are the verbs.
"""
