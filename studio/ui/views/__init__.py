"""Small views that several workspaces share: plots, maps, images, bars. They know values, not runs."""
