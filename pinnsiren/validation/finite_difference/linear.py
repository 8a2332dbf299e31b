"""Linear solves on a grid: sparse or dense LU, or GMRES preconditioned by the LU of second-order differences."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse
from scipy.sparse.linalg import LinearOperator, gmres, splu

from pinnsiren.errors import ReferenceError
from pinnsiren.validation.finite_difference.stencils import Array

Solve = Callable[[Array], Array]
Index = npt.NDArray[np.intp]

# keeps the fill-reducing order unless a pivot is 100 times too small; Newton's correction mends what that loses
PIVOT = 0.01
FEW = 0.01  # of the rows may have a smaller diagonal than that, such as those of borders
REDUCTION = 1e-11  # of the residual by GMRES; Newton's two further corrections bring it to rounding
RESTART, CYCLES = 80, 4
EQUAL = 1e-13  # of the largest entry: up to rounding


def sparse_lu(matrix: sparse.csc_matrix) -> Solve:
    """b ↦ A⁻¹b by sparse LU.

    Ordered by minimum degree on A + Aᵀ, which on elliptic problems has a quarter of COLAMD's fill, but only if the
    diagonal can serve as pivots; first-order operators, whose central differences have none, are left to COLAMD.

    Raises:
        ReferenceError: the matrix is singular.
    """
    scaled, largest = _equilibrated(matrix)
    diagonal = np.mean(np.abs(scaled.diagonal()) < PIVOT) <= FEW
    try:
        factors = splu(scaled, permc_spec="MMD_AT_PLUS_A" if diagonal else "COLAMD",
                       diag_pivot_thresh=PIVOT if diagonal else 1.0, options={"SymmetricMode": bool(diagonal)})
    except RuntimeError as error:  # "Factor is exactly singular"
        raise singular() from error
    return lambda b: factors.solve(b / largest)


def dense_lu(matrix: sparse.csc_matrix) -> Solve:
    """b ↦ A⁻¹b for matrices whose factors would fill up anyway, such as those of collocation.

    Raises:
        ReferenceError: the matrix is singular.
    """
    scaled, largest = _equilibrated(matrix)
    dense = scaled.toarray(order="F")
    factorise = linalg.lapack.zgetrf if np.iscomplexobj(dense) else linalg.lapack.dgetrf
    factors, pivots, info = factorise(dense, overwrite_a=True)
    if info > 0:  # an exact zero on the diagonal of U
        raise singular()
    return lambda b: linalg.lu_solve((factors, pivots), b / largest, check_finite=False)


def complex_form(matrix: sparse.csc_matrix, real: Index, imaginary: Index) -> sparse.csc_matrix | None:
    """A + iB of a matrix [[A, −B], [B, A]] over real and imaginary parts, or None if it has not that form.

    A linear equation of complex fields has it; one with conjugates or |u| has not. Its factors cost a quarter.

    Args:
        real, imaginary: (m,) places of the real and the imaginary parts, among rows and columns alike.
    """
    left, right = matrix[:, real], matrix[:, imaginary]
    a, b = left[real], left[imaginary]
    apart = abs(a - right[imaginary]).max() + abs(b + right[real]).max()
    if apart > EQUAL * abs(matrix).max():
        return None
    return sparse.csc_matrix(a + 1j * b)


def by_parts(solve: Solve, real: Index, imaginary: Index) -> Solve:
    """A complex solve as one over real and imaginary parts."""
    def solved(b: Array) -> Array:
        found, result = solve(b[real] + 1j * b[imaginary]), np.empty_like(b)
        result[real], result[imaginary] = found.real, found.imag
        return result

    return solved


def preconditioned(matrix: sparse.csc_matrix, rough: sparse.csc_matrix) -> Solve:
    """b ↦ A⁻¹b by GMRES, preconditioned by the LU of the same equations with second-order differences there.

    The preconditioned spectrum is bounded (π²/4 for Chebyshev's second derivative): iterations do not grow with n.

    Raises:
        ReferenceError: the rough matrix is singular, or (when solving) GMRES does not converge.
    Reference: Orszag, Spectral methods for problems in complex geometries, J. Comput. Phys. 37 (1980).
    """
    scaled, largest = _equilibrated(matrix)
    inverse = LinearOperator(matrix.shape, sparse_lu(sparse.diags(1 / largest).dot(rough).tocsc()), dtype=np.float64)

    def solve(b: Array) -> Array:
        found, info = gmres(scaled, b / largest, M=inverse, rtol=REDUCTION, atol=0.0, restart=RESTART, maxiter=CYCLES)
        if info != 0:
            raise ReferenceError("GMRES does not converge on this grid; choose FiniteDifference(order=2), which is "
                                 "solved directly, or fewer nodes.")
        return np.asarray(found)

    return solve


def singular() -> ReferenceError:
    return ReferenceError("the discretised equations are singular: the problem does not determine its fields. "
                          "Add a boundary condition, or fix the value that is free.")


def _equilibrated(matrix: sparse.csc_matrix) -> tuple[sparse.csc_matrix, Array]:
    """The matrix with every row's largest entry 1, for rows of ∂² are n⁴ times those of values; and the divisors."""
    largest = abs(matrix).max(axis=1).toarray().ravel()
    if not np.all(np.isfinite(largest)) or not np.all(largest > 0):
        raise ReferenceError("the linearised equations have a row of zeros, or of numbers that are not finite, at a "
                             "constant first iterate. Give problem.exact, or rewrite the equation.")
    return sparse.diags(1 / largest).dot(matrix).tocsc(), largest
