"""The sentences that every bundle of a language is proven by at every load.

They are written for this: each label of each head is the likely answer of at least one, and the last ones hold what
tokenizers and length limits get wrong. None of them trains.
"""

GOLDEN_SENTENCES = {
    "en": (
        "Crypto lender halts all withdrawals as liquidity dries up",
        "Exchange files for Chapter 11 bankruptcy protection, owes creditors $3 billion",
        "Shares plunge 22% after the company cuts its full-year profit forecast",
        "Regulator fines the bank $400 million for misleading investors",
        "Chipmaker beats estimates and raises its revenue outlook; shares jump 9%",
        "Airline returns to profit for the first time since the pandemic",
        "The board will hold its annual meeting on 12 May in Frankfurt",
        "Carmaker names former head of engineering as chief executive, effective July 1",
        "Goldman Sachs upgrades Apple to buy with a price target of $190",
        "Fed raises interest rates by 75 basis points to fight inflation",
        "Treasury yields climb as the dollar hits a two-month high against the euro",
        "Oil falls below $80 a barrel as OPEC lifts output",
        "Software maker agrees to buy rival in an all-cash deal worth $6.5 billion",
        "Senate passes the infrastructure bill after a night of debate",
        "Dow closes 300 points lower, Nasdaq down for a fifth day",
        "Company declares a quarterly dividend of $0.45 a share",
        "Antitrust lawsuit against the search giant goes to trial in September",
        "New phone with a foldable screen goes on sale in ten countries",
        "Bank of America sets aside more money for loan losses as net interest income grows",
        "$TSLA looking strong here, holding above the 50 day, watching for a breakout",
        "Heavy rain is expected over the weekend in the north of the country",
        "🚀🚀🚀 to the moon!!! 💎🙌",
        "İstanbul'da döviz: Übernahme & Zinsen — 株価 急落 déjà vu",
        "loss " * 400,
    ),
}
