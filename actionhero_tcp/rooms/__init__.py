"""Who is in which room, and how members hear of each other."""
