"""One module a stage, named as the stage: `emulate(graph, stage, x, words)`."""
