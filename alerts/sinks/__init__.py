"""Where transitions are delivered to. A sink does one attempt and says how it went; `alerts/notify.py` does the rest."""
