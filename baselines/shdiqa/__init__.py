"""SHDIQA: spatially heterogeneous damage, distilled into a student (Li et al., CVPR 2025)."""
