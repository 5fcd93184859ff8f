"""From a priced session to money, exactly once: ledger, payments, documents."""
