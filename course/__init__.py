"""What stands behind the notebooks. A notebook needs two names of it: `from course import check, hint`."""


def check(answer=None) -> None:
    """Say whether an answer, the function or class with the exercise's name, is right, not yet, or not attempted."""
    from course.exercises import check
    check(answer)


def hint(answer=None, number: int = 1) -> None:
    """Give a hint for an exercise; hint(answer, 2) gives the next one."""
    from course.exercises import hint
    hint(answer, number)
