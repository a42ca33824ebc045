"""The actions that come with the server, written as anybody would write them."""
