"""Total cost of ownership [USD]."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Number = float | Array

SECONDS_PER_YEAR = 365.25 * 24 * 3600.0


def capital_recovery_per_year(rate_per_year: Number, years: Number) -> Number:
    """Yearly payment per dollar of capital [1/year]: r(1 + r)^n / ((1 + r)^n - 1), or 1/n at r = 0.

    Parameters
    ----------
    rate_per_year : array
        Cost of capital [1/year].
    years : array
        Life of what is bought [year].

    References
    ----------
    Barroso, Hoelzle, Ranganathan: The Datacenter as a Computer, 3rd ed. 2018, ch. 6.
    """
    if isinstance(rate_per_year, float | int) and isinstance(years, float | int):
        return _recovery(rate_per_year, years)
    # Few samples, each with Python's own power: the same on every machine.
    rates, lives = np.broadcast_arrays(rate_per_year, years)
    values = [_recovery(float(r), float(n)) for r, n in zip(rates.flat, lives.flat, strict=True)]
    return np.array(values).reshape(rates.shape)


def _recovery(rate_per_year: float, years: float) -> float:
    if rate_per_year == 0:
        return 1.0 / years
    growth = math.pow(1.0 + rate_per_year, years)
    return rate_per_year * growth / (growth - 1.0)


def capital_usd_per_s(
    price_usd: Number,
    provisioned_w: Number,
    *,
    host_cost_share: Number,
    opex_share_per_year: Number,
    facility_usd_per_w: Number,
    host_energy_relative: Number,
    discount_rate_per_year: Number,
    lifetime_years: Number,
    facility_years: Number,
) -> Number:
    """Capital and upkeep per second of ownership, energy apart [USD/s].

    Parameters
    ----------
    price_usd : array
        Price of the chip with its memory [USD].
    provisioned_w : array
        Power the facility provides for the chip [W]; its host's comes on top.
    host_cost_share : float
        Host, network and rack as a share of the price [1].
    opex_share_per_year : float
        Upkeep per year as a share of server capital [1/year].
    facility_usd_per_w : float
        Datacenter capital [USD/W]; not multiplied by PUE.
    host_energy_relative : float
        Power of chip and host relative to that of the chip [1]: m_host below.
    discount_rate_per_year : float
        Interest on capital [1/year].
    lifetime_years, facility_years : float
        Over which server and facility are paid back [year].

    Notes
    -----
    ``[(CRF(r, n_server) + opex)·price·(1 + host) + CRF(r, n_facility)·capex·P·m_host] / year``.
    """
    server = capital_recovery_per_year(discount_rate_per_year, lifetime_years) + opex_share_per_year
    facility = capital_recovery_per_year(discount_rate_per_year, facility_years) * facility_usd_per_w
    per_year = price_usd * (server * (1.0 + host_cost_share)) + provisioned_w * (facility * host_energy_relative)
    return per_year * (1.0 / SECONDS_PER_YEAR)


def usd_per_token(
    capital_usd_per_s: Number, owned_s_per_token: Number, facility_j_per_token: Number, electricity_usd_per_j: Number
) -> Number:
    """Cost of a token [USD]: capital over the seconds owned per token, and its energy."""
    return capital_usd_per_s * owned_s_per_token + facility_j_per_token * electricity_usd_per_j
