"""The address-versus-time map: what is on it (no Qt), how it is rasterised, and the widget."""
