"""Rules in Sloth's style, without what Sloth lets its users switch off: an error ratio for each window (a quotient of two rates
over the raw series; for the period, the mean of the five-minute ratios), the target, and an alert of each kind."""

from harness.workbook import TIERS

from .objectives import ERRORS, PERIOD, TARGET, TOTAL, Objective

# The windows with a ratio that is recorded from raw series.
WINDOWS = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]


def groups(objective: Objective) -> list[dict]:
    """Returns the rule groups of an objective."""
    identity = {"sloth_id": objective.id, "sloth_service": objective.service, "sloth_slo": objective.name}
    selector = "{" + ",".join(f'{name}="{value}"' for name, value in identity.items()) + "}"
    allowed = round(1 - TARGET, 6)

    def record(name: str, expression: str, **labels: str) -> dict:
        return {"record": name, "expr": expression, "labels": {**identity, **labels}}

    def ratio(window: str) -> str:
        raw = objective.queries(window)
        return f"({raw[ERRORS]})\n/\n({raw[TOTAL]})"

    recorded = [record(f"slo:sli_error:ratio_rate{window}", ratio(window), sloth_window=window) for window in WINDOWS]
    mean = (f"sum_over_time(slo:sli_error:ratio_rate5m{selector}[{PERIOD}])\n/ ignoring (sloth_window)\n"
            f"count_over_time(slo:sli_error:ratio_rate5m{selector}[{PERIOD}])")
    recorded.append(record(f"slo:sli_error:ratio_rate{PERIOD}", mean, sloth_window=PERIOD))
    join = " / on (sloth_id, sloth_slo, sloth_service) group_left "
    meta = [
        record("slo:objective:ratio", f"vector({TARGET})"),
        record("slo:error_budget:ratio", f"vector({allowed})"),
        record("slo:time_period:days", "vector(30)"),
        record("slo:current_burn_rate:ratio", f"slo:sli_error:ratio_rate5m{selector}{join}slo:error_budget:ratio{selector}"),
        record("slo:period_burn_rate:ratio", f"slo:sli_error:ratio_rate{PERIOD}{selector}{join}slo:error_budget:ratio{selector}"),
        record("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{selector}"),
        record("sloth_slo_info", "vector(1)", sloth_objective=str(100 * TARGET)),
    ]

    def alert(severity: str) -> dict:
        def over(window: str, factor: float) -> str:
            return f"max without (sloth_window) (slo:sli_error:ratio_rate{window}{selector} > ({factor} * {allowed}))"

        tiers = [f"({over(long, factor)} and {over(short, factor)})" for long, short, factor in TIERS[severity]]
        return {"alert": objective.name, "expr": "\nor\n".join(tiers), "labels": {"sloth_severity": severity}}

    kinds = {"sli": recorded, "meta": meta, "alerts": [alert(severity) for severity in TIERS]}
    return [{"name": f"{kind}-{objective.id}", "interval": "1m", "rules": rules} for kind, rules in kinds.items()]
