"""The doors: HTTP only. Translate, one service call, translate back."""
