"""What rules in Sloth's style compute for a scenario: an error ratio over five minutes, and its mean for longer windows.

Sloth records `slo:sli_error:ratio_rate5m` and so on, each a quotient of two rates, and, to read less, the period's as
`sum_over_time(ratio_rate5m[30d]) / count_over_time(ratio_rate5m[30d])`. The subqueries below are the same series, recorded
once a minute.
"""

from harness.workbook import TIERS

from .scenario import Scenario


def ratio(scenario: Scenario, window: str) -> str:
    def rate(which: str) -> str:
        return f'sum(rate(requests_total{{job="{scenario.name}"{which}}}[{window}]))'

    errors = ',code=~"5.."'
    return f"({rate(errors)} / {rate('')})"


def allowed(scenario: Scenario) -> str:
    return f"{1 - scenario.file['target']:.6f}"


def left(scenario: Scenario) -> str:
    """`slo:period_error_budget_remaining:ratio`."""
    recorded = f"{ratio(scenario, '5m')}[30d:1m]"
    return f"1 - (sum_over_time({recorded}) / count_over_time({recorded})) / {allowed(scenario)}"


def alerts(scenario: Scenario, kind: str) -> list[str]:
    """Returns the expression of each tier of a kind."""
    def burns(window: str, factor: float) -> str:
        return f"{ratio(scenario, window)} > {factor} * {allowed(scenario)}"

    return [f"({burns(long, factor)}) and ({burns(short, factor)})" for long, short, factor in TIERS[kind]]
