"""Where another port or another site pays, and where that can't be known. docs/revenue.md has the formulae."""
