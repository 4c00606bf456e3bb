"""The sentences that every bundle of a language is proven by at every load.

They are written for this: each label of each head is the likely answer of at least one, some name companies that fare
differently, and the last ones hold what tokenizers and length limits get wrong. None of them trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Golden:
    """A sentence and the names in it whose mentions are asked for; each name stands in it once."""

    text: str
    names: tuple[str, ...] = ()

    @property
    def spans(self) -> list[tuple[tuple[int, int], ...]]:
        """Per name, where it stands."""
        starts = [self.text.index(name) for name in self.names]
        return [((start, start + len(name)),) for start, name in zip(starts, self.names, strict=True)]


ENGLISH = (
    Golden("Crypto lender halts all withdrawals as liquidity dries up"),
    Golden("Exchange files for Chapter 11 bankruptcy protection, owes creditors $3 billion"),
    Golden("Shares plunge 22% after the company cuts its full-year profit forecast"),
    Golden("Regulator fines the bank $400 million for misleading investors"),
    Golden("Chipmaker beats estimates and raises its revenue outlook; shares jump 9%"),
    Golden("Airline returns to profit for the first time since the pandemic"),
    Golden("The board will hold its annual meeting on 12 May in Frankfurt"),
    Golden("Carmaker names former head of engineering as chief executive, effective July 1"),
    Golden("Goldman Sachs upgrades Apple to buy with a price target of $190", ("Goldman Sachs", "Apple")),
    Golden("Nvidia soars to a record while Intel tumbles on a weak forecast", ("Nvidia", "Intel")),
    Golden("Fed raises interest rates by 75 basis points to fight inflation", ("Fed",)),
    Golden("Treasury yields climb as the dollar hits a two-month high against the euro"),
    Golden("Oil falls below $80 a barrel as OPEC lifts output", ("OPEC",)),
    Golden("Software maker agrees to buy rival in an all-cash deal worth $6.5 billion"),
    Golden("Senate passes the infrastructure bill after a night of debate"),
    Golden("Dow closes 300 points lower, Nasdaq down for a fifth day"),
    Golden("Company declares a quarterly dividend of $0.45 a share"),
    Golden("Antitrust lawsuit against the search giant goes to trial in September"),
    Golden("New phone with a foldable screen goes on sale in ten countries"),
    Golden("Bank of America sets aside more money for loan losses as net interest income grows", ("Bank of America",)),
    Golden("$TSLA looking strong here, holding above the 50 day, watching for a breakout", ("$TSLA",)),
    Golden("Heavy rain is expected over the weekend in the north of the country"),
    Golden("🚀🚀🚀 to the moon!!! 💎🙌"),
    Golden("İstanbul'da döviz: Übernahme & Zinsen — 株価 急落 déjà vu"),
    Golden("loss " * 400),
)

CHINESE = (
    Golden("某加密货币借贷平台暂停提现，流动性告急"),
    Golden("公司因涉嫌信息披露违法违规被证监会立案调查，股价跌停"),
    Golden("恒大集团申请破产保护，拖欠债权人逾二万亿元", ("恒大集团",)),
    Golden("净利润同比增长85%，全年业绩大超预期"),
    Golden("宁德时代中标百亿元储能大单，比亚迪却遭大规模召回", ("宁德时代", "比亚迪")),
    Golden("央行下调存款准备金率0.5个百分点，释放长期资金约1万亿元", ("央行",)),
    Golden("董事会将于5月12日召开年度股东大会"),
    Golden("公司拟每10股派发现金红利3元（含税）"),
    Golden("中金公司维持贵州茅台“买入”评级，目标价2200元", ("中金公司", "贵州茅台")),
    Golden("沪指收跌1.2%，两市超四千只个股下跌"),
    Golden("国际油价跌破每桶80美元，欧佩克宣布增产", ("欧佩克",)),
    Golden("公司聘任王某为新任总经理，任期三年"),
    Golden("拟以65亿元现金收购竞争对手全部股权"),
    Golden("割韭菜又来了，这破公司年年画大饼，散户快跑"),
    Golden("Tesla 上海工厂恢复生产，$TSLA 盘前涨4%", ("Tesla", "$TSLA")),
    Golden("今天北方大部地区有雨"),
    Golden("亏损" * 400),
)

GOLDEN_SENTENCES: dict[str, Sequence[Golden]] = {"en": ENGLISH, "zh": CHINESE}
