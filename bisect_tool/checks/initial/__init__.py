"""By which laws parameters start on both sides."""
