"""Finding passages: the search index behind one port, embedders, fusion, reranking, context selection."""
