"""How far hours lie from what was expected of them: overdispersion of counts (phi) and of negative shares (rho).

Counts of an hour have variance mean + phi * mean^2 (Hoehle and Paul 2008); the negative texts of N have variance
N q (1 - q) (1 + (N - 1) rho), and a share is then worth 1 / rho - 1 texts, however many were seen. Both are learned by
moments, hour by hour, each hour weighed by how much it can say, and winsorised at three standard deviations so that a
spike teaches little. A series' own evidence is shrunk towards its group's: only where much is written does it count, and
there a steady share makes a modest rise visible that a share of unknown steadiness would hide.
"""

from __future__ import annotations

from struct import Struct

PHI, PHI_LOW, PHI_HIGH = 0.03, 0.005, 0.3  # before there is any evidence, and bounds
RHO, RHO_LOW, RHO_HIGH = 1.0 / 31.0, 1.0 / 401.0, 1.0 / 6.0  # a share worth 30 texts, at most 400, at least 5
HOURS_TRUSTED = 12.0  # hours of full evidence that count as much as what was believed before
WINSOR = 9.0  # three standard deviations, squared
_LAYOUT = Struct("<4d")
SPREAD_BYTES = _LAYOUT.size


class Spread:
    """Evidence on phi and rho of a series or a group, with a week's memory.

    Attributes:
        phi_sum, phi_hours: hourly estimates of phi times their weights, and the weights.
        rho_sum, rho_hours: the same of rho.
    """

    __slots__ = ("phi_hours", "phi_sum", "rho_hours", "rho_sum")

    def __init__(
        self, phi_sum: float = 0.0, phi_hours: float = 0.0, rho_sum: float = 0.0, rho_hours: float = 0.0
    ) -> None:
        self.phi_sum, self.phi_hours, self.rho_sum, self.rho_hours = phi_sum, phi_hours, rho_sum, rho_hours

    def phi(self, believed: float = PHI) -> float:
        """phi, shrunk towards what is believed without this evidence."""
        value = (self.phi_sum + HOURS_TRUSTED * believed) / (self.phi_hours + HOURS_TRUSTED)
        return min(max(value, PHI_LOW), PHI_HIGH)

    def rho(self, believed: float = RHO) -> float:
        """rho, shrunk towards what is believed without this evidence."""
        value = (self.rho_sum + HOURS_TRUSTED * believed) / (self.rho_hours + HOURS_TRUSTED)
        return min(max(value, RHO_LOW), RHO_HIGH)

    def fade(self, kept: float) -> None:
        """Forget all but `kept` of the evidence."""
        self.phi_sum *= kept
        self.phi_hours *= kept
        self.rho_sum *= kept
        self.rho_hours *= kept

    def note_count(self, seen: float, expected: float, believed: float) -> None:
        """Learn from an hour that expected so many texts and saw so many."""
        if expected <= 0.0:
            return
        weight = (expected * PHI / (1.0 + expected * PHI)) ** 2
        square = min((seen - expected) ** 2, WINSOR * expected * (1.0 + believed * expected))
        self.phi_sum += weight * (square - expected) / (expected * expected)
        self.phi_hours += weight

    def note_share(self, negative: float, texts: float, share: float, believed: float) -> None:
        """Learn from an hour in which so many of `texts` were negative where `share` was usual."""
        more = texts - 1.0
        if more <= 0.0:
            return
        weight = (more * RHO / (1.0 + more * RHO)) ** 2
        binomial = texts * share * (1.0 - share)
        square = min((negative - texts * share) ** 2, WINSOR * binomial * (1.0 + more * believed))
        self.rho_sum += weight * (square / binomial - 1.0) / more
        self.rho_hours += weight

    def pack(self) -> bytes:
        """Everything, exactly."""
        return _LAYOUT.pack(self.phi_sum, self.phi_hours, self.rho_sum, self.rho_hours)


def unpack_spread(packed: bytes, place: int = 0) -> Spread:
    """The inverse of `Spread.pack`."""
    return Spread(*_LAYOUT.unpack_from(packed, place))
