"""The command core's face: every command there is, one grammar, what each gives back."""
