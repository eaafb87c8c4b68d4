"""Installations and robots that write to each other, in simulated time: does anything ever become a storm?"""
