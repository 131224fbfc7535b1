"""Word processors, presentations and spreadsheets, of Office Open XML, OpenDocument and the older formats."""
