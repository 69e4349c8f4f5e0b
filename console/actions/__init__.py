"""How anything is changed: steps and plans as values, their execution, their results, the audit."""
