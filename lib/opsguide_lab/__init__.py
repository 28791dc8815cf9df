"""The practice platform: real parts in namespaces, named stand-ins for what only a Virtuozzo kernel can do."""
