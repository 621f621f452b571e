"""What leaves the system for other programs: trade journals and tables, as text they understand."""
