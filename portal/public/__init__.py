"""Pages for anybody: the start, the colours, the living page of the design system."""
