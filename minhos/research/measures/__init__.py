"""What is measured of forecasts, edges and costs."""
