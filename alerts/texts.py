"""What people read of an alert: one line what happened, three why it is unusual, then the documents. English and Chinese.

Every number comes from the transition's evidence and every sentence of news from a document; nothing is phrased by a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from contracts.evidence import Evidence, WindowEvidence
from contracts.messages import Transition
from contracts.series import ALL, entity_of, topic_of

Language = Literal["en", "zh"]

TOPICS: Mapping[str, tuple[str, str]] = {
    "analyst": ("analyst calls", "分析师观点"),
    "banks_financials": ("banks and financials", "银行与金融"),
    "bonds_fx_rates": ("bonds, currencies, rates", "债券、汇率与利率"),
    "company_product": ("companies and products", "公司与产品"),
    "deals_ma_ipo": ("deals and listings", "并购与上市"),
    "earnings_dividend": ("earnings and dividends", "业绩与分红"),
    "energy_commodities": ("energy and commodities", "能源与大宗商品"),
    "general_other": ("general", "综合"),
    "legal_regulation": ("law and regulation", "法律与监管"),
    "macro_policy": ("economy and policy", "宏观与政策"),
    "management_change": ("management changes", "高管变动"),
    "market_moves": ("market moves", "市场走势"),
    "politics": ("politics", "政治"),
    "stock_commentary": ("stock commentary", "个股评论"),
}
_SEVERITY = {"critical": ("CRITICAL", "严重"), "warning": ("Warning", "警告"), "info": ("Info", "提示")}
_STATE = {
    "pending": ("pending", "待确认"),
    "firing": ("firing", "告警中"),
    "resolved": ("over", "已结束"),
    "withdrawn": ("withdrawn", "已撤回"),
}
_NEWS_RULES = ("volume", "viral")


@dataclass(frozen=True, slots=True)
class Wording:
    """How a reader is spoken to.

    Attributes:
        language: `en` or `zh`.
        names: entity id -> name.
        desk_url: where links lead.
    """

    language: Language = "en"
    names: Mapping[str, str] = field(default_factory=dict)
    desk_url: str = ""

    def pick(self, english: str, chinese: str) -> str:
        """The text in the reader's language."""
        return chinese if self.language == "zh" else english

    def subject(self, series: str) -> str:
        """What a series is about, as people call it."""
        entity, topic = entity_of(series), topic_of(series)
        named = self.names.get(entity, entity) if entity else ""
        spoken = self.pick(*TOPICS.get(topic, (topic, topic))) if topic else ""
        if series == ALL:
            return self.pick("Everything", "全市场")
        return self.pick(" · ", "·").join(part for part in (named, spoken) if part) or series

    def link(self, alert: str) -> str:
        """Where the evidence is."""
        return f"{self.desk_url}/alert/{alert}"


def decided_by(evidence: Evidence) -> WindowEvidence | None:
    """The window that decided."""
    return next((window for window in evidence.windows if window.minutes == evidence.window), None)


def span(minutes: int, wording: Wording) -> str:
    """A window's span in words."""
    if minutes % 60 or minutes < 120:
        return wording.pick(f"{minutes} min", f"{minutes} 分钟")
    return wording.pick(f"{minutes // 60} h", f"{minutes // 60} 小时")


def title(transition: Transition, wording: Wording) -> str:
    """One line: what happened."""
    severity = wording.pick(*_SEVERITY[transition.severity])
    subject = wording.subject(transition.series)
    window = decided_by(transition.evidence)
    over = "" if transition.state == "firing" else wording.pick(*_STATE[transition.state])
    lead = wording.pick(" · ", "·").join(part for part in (severity, over) if part)
    if window is None:
        return wording.pick(f"{lead} · {subject}", f"{lead}·{subject}")
    if transition.rule in _NEWS_RULES:
        return wording.pick(
            f"{lead} · {subject}: {window.all} texts in {span(window.minutes, wording)}, {_few(window.expected_all)} expected",
            f"{lead}·{subject}：{span(window.minutes, wording)}内 {window.all} 条，通常 {_few(window.expected_all)} 条",
        )
    return wording.pick(
        f"{lead} · {subject}: {window.negative} negative of {window.all} texts in {span(window.minutes, wording)}, "
        f"{_few(window.expected_negative)} expected",
        f"{lead}·{subject}：{span(window.minutes, wording)}内 {window.all} 条中 {window.negative} 条负面，"
        f"通常 {_few(window.expected_negative)} 条",
    )


def reasons(transition: Transition, wording: Wording) -> list[str]:
    """Up to three lines: why it is unusual, who says it, what would have changed it."""
    evidence, window = transition.evidence, decided_by(transition.evidence)
    lines = []
    if window is not None:
        share, usual = f"{window.share:.0%}", f"{window.usual_share:.0%}"
        odds = _odds(window.p_count)
        lines.append(
            wording.pick(
                f"So many come by chance {odds}; {share} are negative, usually {usual}.",
                f"偶然出现这么多的概率为 {_probability(window.p_count)}；负面占比 {share}，平时 {usual}。",
            )
        )
        lines.append(
            wording.pick(
                f"{len(evidence.sources)} sources ({', '.join(sorted(evidence.sources)[:4])}), "
                f"{window.all} distinct texts, {window.copies} copies.",
                f"{len(evidence.sources)} 个来源（{'、'.join(sorted(evidence.sources)[:4])}），"
                f"{window.all} 条不同文本，{window.copies} 条转载。",
            )
        )
    if evidence.largest_author_share >= 0.5 and evidence.authors:
        lines.append(
            wording.pick(
                f"One author wrote {evidence.largest_author_share:.0%} of it.",
                f"其中 {evidence.largest_author_share:.0%} 出自同一作者。",
            )
        )
    elif evidence.counterfactual:
        lines.append(
            wording.pick(f"{evidence.counterfactual[:1].upper()}{evidence.counterfactual[1:]}.",
                         f"强度 S = {transition.score:.1f}，阈值 {evidence.threshold:.1f}。")
        )  # fmt: skip
    return lines[:3]


def documents(transition: Transition, limit: int = 5) -> list[str]:
    """The documents that weigh most, a line each: what it says, who, when, where."""
    return [
        f"• {document.snippet} ({document.source}, {_clock(document.published_ms)})"
        + (f" {document.url}" if document.url else "")
        for document in transition.evidence.documents[:limit]
    ]


def body(transition: Transition, wording: Wording, characters: int = 3500) -> str:
    """Reasons, documents and the link, cut at a line so that it is at most so long."""
    link = wording.pick("Evidence: ", "证据：") + wording.link(transition.alert)
    began = wording.pick("Began ", "开始于 ") + _clock(transition.onset_ms) + " UTC"
    return fit([*reasons(transition, wording), began, *documents(transition)], link, characters)


def digest_title(kind: str, transitions: Sequence[Transition], wording: Wording) -> str:
    """One line over several alerts."""
    number = len({transition.alert for transition in transitions})
    if kind == "storm":
        return wording.pick(
            f"Tocsin: {number} more alerts in a short time, in one message",
            f"Tocsin：短时间内另有 {number} 条告警，合并为一条",
        )
    if kind == "daily":
        return wording.pick(f"Tocsin: the last day, {number} alerts", f"Tocsin 日报：过去一天 {number} 条告警")
    return wording.pick(f"Tocsin: {number} alerts together", f"Tocsin：{number} 条相关告警")


def digest(transitions: Sequence[Transition], wording: Wording, characters: int = 3500) -> str:
    """A line and a link per alert, as many as fit, and how many do not."""
    lines = [f"{title(transition, wording)} {wording.link(transition.alert)}" for transition in transitions]
    return fit(lines, wording.pick("Board: ", "面板：") + wording.desk_url + "/", characters, wording)


def fit(lines: Sequence[str], last: str, characters: int, wording: Wording | None = None) -> str:
    """Lines, then the last one, within so many characters; what is left out is said."""
    kept: list[str] = []
    room = characters - len(last) - 40
    for number, line in enumerate(lines):
        if len(line) + 1 > room:
            left = len(lines) - number
            kept.append((wording or Wording()).pick(f"… and {left} more", f"……另有 {left} 条"))
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join([*kept, last])


def _few(expected: float) -> str:
    return f"{expected:.0f}" if expected >= 10 else f"{expected:.1f}" if expected >= 0.1 else f"{expected:.2f}"


def _probability(p: float) -> str:
    return "< 1e-8" if p <= 1e-8 else f"{p:.1g}"


def _odds(p: float) -> str:
    return (
        "less than once in 100 million"
        if p <= 1e-8
        else f"about once in {round(1 / p, -len(str(int(1 / p))) + 2):,.0f}"
    )


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
