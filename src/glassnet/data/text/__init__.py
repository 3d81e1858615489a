"""Tables written as text: CSV."""
