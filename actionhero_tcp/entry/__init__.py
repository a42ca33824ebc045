"""A client on its way in: from which address, whether it may stay, what it has to show."""
