"""Pages of a station for anybody: the price first, then pay or log in, then charge."""
