"""A plan: one decision for every edge of a model, a pair or none, with its reason. Pure values, JSON in and out."""

from fmpass.plan.options import Options
from fmpass.plan.plan import Decision, Plan

__all__ = ["Decision", "Options", "Plan"]
