"""Our side of the OpenAI API: the only importer of openai."""
