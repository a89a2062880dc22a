"""SIGKILL at random moments between POST and table: what was answered is in the lake, once."""

import random
import statistics
import time

from crash.posting import Posting

LIFE_SECONDS_MAX = 2.5


def test_sigkill_at_random_moments_loses_nothing_that_was_answered(workspace, seed, request):
    posting, dice = Posting(workspace), random.Random(seed)
    posting.start()
    for _ in range(request.config.getoption("--rounds")):
        posting.is_answered(10)
        time.sleep(dice.uniform(0, LIFE_SECONDS_MAX))
        posting.kill()
        posting.start()
    posting.is_answered(10)
    posting.end()
    posting.audit()
    median_ms = 1000 * statistics.median(posting.answered.values())
    print(f"seed {seed}: {len(posting.answered)} events answered after {median_ms:.1f} ms at the median, {sum(posting.sent.values())} sent", flush=True)
