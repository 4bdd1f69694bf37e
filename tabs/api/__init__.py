"""What programs may call: noise, schedule, denoise; by HTTP, gradio_client or MCP."""

__all__ = ["endpoints", "mcp", "validation"]
