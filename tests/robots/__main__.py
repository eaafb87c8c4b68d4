"""`python -m tests.robots [LETTERS [SEED]]`: the whole simulation, and who wrote most to whom."""

import sys
import time

from tests.robots.simulation import simulated

letters, seed = (*map(int, sys.argv[1:]), *(10_000, 1)[len(sys.argv) - 1 :])
with simulated(seed) as simulation:
    began = time.perf_counter()
    simulation.run(letters)
    post = simulation.post
    seconds = time.perf_counter() - began
    print(f"{post.delivered} letters, {simulation.chains} of people, until {post.now:%Y-%m-%d}, in {seconds:.0f} s")
    for pair, most in sorted(simulation.longest().items(), key=lambda each: -each[1]):
        print(f"{most:6} {' and '.join(pair)}")
