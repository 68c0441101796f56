"""Display: progress, histories, drawings, reports and notebooks."""
